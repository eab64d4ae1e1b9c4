// A read-only MQTT 3.1.1 client over WebSocket: subscribe, QoS 0 and 1. Small, because a page that only
// listens needs little: a general client would weigh more than everything else here together.

const CONNECT = 0x10, CONNACK = 2, PUBLISH = 3, PUBACK = 0x40, SUBSCRIBE = 0x82, SUBACK = 9, PINGREQ = 0xc0;

const KEEP_ALIVE_S = 30;
/** Nothing heard for this long: the connection is dead, whatever the browser says. */
const SILENCE_MS = 45_000;
/** After sleep a socket looks open and may be dead: it answers a ping by then. */
const WAKE_MS = 3_000;
const OPEN_MS = 10_000;
const LONGEST_WAIT_MS = 30_000;
const LARGEST_PACKET = 1 << 20;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** @param {string} text */
const field = (text) => {
  const bytes = encoder.encode(text);
  return [bytes.length >> 8, bytes.length & 0xff, ...bytes];
};

/** @param {number} first @param {number[]} body */
const packet = (first, body) => {
  const length = [];
  let rest = body.length;
  do {
    const digit = rest % 128;
    rest = Math.floor(rest / 128);
    length.push(rest > 0 ? digit | 0x80 : digit);
  } while (rest > 0);
  return new Uint8Array([first, ...length, ...body]);
};

/**
 * Cuts packets out of a stream: they come split over frames, or several in one.
 * @param {(first: number, body: Uint8Array) => void} take
 */
export const framer = (take) => {
  let held = new Uint8Array(0);
  /** @param {Uint8Array} bytes */
  return (bytes) => {
    const joined = new Uint8Array(held.length + bytes.length);
    joined.set(held);
    joined.set(bytes, held.length);
    let at = 0;
    for (;;) {
      let length = 0;
      let header = 1;
      let digit = 0x80;
      while (digit & 0x80 && at + header < joined.length && header <= 4) {
        digit = joined[at + header];
        length |= (digit & 0x7f) << (7 * (header - 1));
        header += 1;
      }
      if (digit & 0x80) {
        if (header > 4) throw new Error("a packet length without end");
        break;
      }
      if (length > LARGEST_PACKET) throw new Error(`a packet of ${length} bytes`);
      if (joined.length < at + header + length) break;
      take(joined[at], joined.subarray(at + header, at + header + length));
      at += header + length;
    }
    held = joined.slice(at);
  };
};

/**
 * Keeps a subscription alive until the page is gone.
 *
 * States: `connecting` (the first time), `live`, `reconnecting`.
 * @param {{ url: string, filters: string[],
 *   onMessage: (topic: string, payload: Uint8Array, retained: boolean) => void,
 *   onState: (state: "connecting" | "live" | "reconnecting") => void }} options
 */
export const subscribe = ({ url, filters, onMessage, onState }) => {
  /** @type {WebSocket | null} */
  let socket = null;
  let wait = 500;
  let heard = 0;
  let sent = 0;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let retry;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let deadline;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let beat;

  const drop = () => {
    clearTimeout(deadline);
    clearInterval(beat);
    if (!socket) return;
    // Not waited for: a close handshake with a dead peer hangs.
    socket.onopen = socket.onmessage = socket.onclose = socket.onerror = null;
    socket.close();
    socket = null;
  };

  const lost = () => {
    drop();
    onState("reconnecting");
    clearTimeout(retry);
    // Half of it random, so that a broker that comes back is not met by everyone at once.
    retry = setTimeout(open, wait / 2 + (Math.random() * wait) / 2);
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  };

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  const send = (bytes) => {
    if (socket?.readyState !== WebSocket.OPEN) return;
    sent = performance.now();
    socket.send(bytes);
  };
  const ping = () => send(packet(PINGREQ, []));

  /** @param {number} first @param {Uint8Array} body */
  const take = (first, body) => {
    switch (first >> 4) {
      case CONNACK:
        if (body[1] !== 0) throw new Error(`the broker refuses: code ${body[1]}`);
        send(packet(SUBSCRIBE, [0, 1, ...filters.flatMap((filter) => [...field(filter), 0])]));
        return;
      case SUBACK:
        if (body.subarray(2).includes(0x80)) throw new Error("a subscription was refused");
        clearTimeout(deadline);
        wait = 500;
        beat = setInterval(() => {
          const now = performance.now();
          if (now - heard > SILENCE_MS) lost();
          // However much we hear: the broker counts what we say.
          else if (now - sent > (KEEP_ALIVE_S * 1000) / 2) ping();
        }, 5_000);
        onState("live");
        return;
      case PUBLISH: {
        const qos = (first >> 1) & 3;
        let at = 2 + ((body[0] << 8) | body[1]);
        const topic = decoder.decode(body.subarray(2, at));
        if (qos > 0) {
          send(packet(PUBACK, [body[at], body[at + 1]]));
          at += 2;
        }
        onMessage(topic, body.subarray(at), (first & 1) === 1);
        return;
      }
      default:
    }
  };

  const open = () => {
    drop();
    const opened = new WebSocket(url, ["mqtt"]);
    socket = opened;
    opened.binaryType = "arraybuffer";
    const feed = framer(take);
    deadline = setTimeout(lost, OPEN_MS);
    // A new id for every attempt: a broker may still hold the session of the last one.
    const id = `page-${Math.random().toString(36).slice(2, 12)}`;
    opened.onopen = () => send(packet(CONNECT, [...field("MQTT"), 4, 2, 0, KEEP_ALIVE_S, ...field(id)]));
    opened.onmessage = ({ data }) => {
      heard = performance.now();
      try {
        feed(new Uint8Array(data));
      } catch (error) {
        console.warn(`connection dropped: ${error instanceof Error ? error.message : error}`);
        lost();
      }
    };
    opened.onclose = lost;
  };

  onState("connecting");
  open();

  return {
    /** The page was woken, or the network is back: find out now whether the connection lives. */
    wake: () => {
      if (socket?.readyState === WebSocket.OPEN) {
        const asked = performance.now();
        const doubted = socket;
        ping();
        setTimeout(() => {
          if (socket === doubted && heard < asked) lost();
        }, WAKE_MS);
      } else {
        clearTimeout(retry);
        wait = 500;
        open();
      }
    },
  };
};
