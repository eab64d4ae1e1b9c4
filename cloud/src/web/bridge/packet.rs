//! MQTT 3.1 and 3.1.1 control packets as bytes: cut out of a stream, read, and written. Pure.

/// Packet types, the high nibble of the first byte (MQTT 3.1.1, table 2.1).
pub mod kind {
    pub const CONNECT: u8 = 1;
    pub const PUBLISH: u8 = 3;
    pub const PUBACK: u8 = 4;
    pub const SUBSCRIBE: u8 = 8;
    pub const UNSUBSCRIBE: u8 = 10;
    pub const PINGREQ: u8 = 12;
    pub const DISCONNECT: u8 = 14;
}

/// Bytes that are no MQTT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PacketError {
    /// A packet larger than a reader ever needs to send.
    #[error("a packet of {size} bytes, over the limit of {limit}")]
    TooLarge {
        /// Bytes it announces.
        size: usize,
        /// Bytes that are taken.
        limit: usize,
    },
    /// Anything else.
    #[error("malformed packet: {0}")]
    Malformed(&'static str),
}

/// One control packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Type and flags.
    pub first: u8,
    /// Everything after the fixed header.
    pub body: Vec<u8>,
}

impl Packet {
    /// The packet type, one of [`kind`].
    pub fn kind(&self) -> u8 {
        self.first >> 4
    }

    /// The low nibble of the first byte.
    pub fn flags(&self) -> u8 {
        self.first & 0x0f
    }

    /// The packet on the wire.
    pub fn encode(&self) -> Vec<u8> {
        encode(self.first, &self.body)
    }
}

/// A packet of this first byte and body on the wire.
pub fn encode(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut rest = body.len();
    loop {
        let digit = (rest % 128) as u8;
        rest /= 128;
        bytes.push(if rest > 0 { digit | 0x80 } else { digit });
        if rest == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// Cuts packets out of a stream: they may come split over frames, or several in one.
#[derive(Debug)]
pub struct Framer {
    buffer: Vec<u8>,
    limit: usize,
}

impl Framer {
    /// Packets of at most `limit` bytes, fixed header included.
    pub fn new(limit: usize) -> Self {
        Self { buffer: Vec::new(), limit }
    }

    /// Takes the next bytes of the stream. The caller takes every packet out before it pushes more, so
    /// the buffer holds less than one packet and one frame.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The first byte of the packet that comes next.
    pub fn peek(&self) -> Option<u8> {
        self.buffer.first().copied()
    }

    /// The next whole packet; `None` until there is one.
    ///
    /// # Errors
    /// [`PacketError`] as soon as the fixed header shows that this is no packet, or too large a one.
    pub fn next(&mut self) -> Result<Option<Packet>, PacketError> {
        let Some(&first) = self.buffer.first() else { return Ok(None) };
        let mut length = 0_usize;
        for (index, &digit) in self.buffer[1..].iter().take(4).enumerate() {
            length |= usize::from(digit & 0x7f) << (7 * index);
            if digit & 0x80 != 0 {
                continue;
            }
            let header = 2 + index;
            let size = header + length;
            if size > self.limit {
                return Err(PacketError::TooLarge { size, limit: self.limit });
            }
            if self.buffer.len() < size {
                return Ok(None);
            }
            let body = self.buffer[header..size].to_vec();
            self.buffer.drain(..size);
            return Ok(Some(Packet { first, body }));
        }
        if self.buffer.len() > 4 {
            return Err(PacketError::Malformed("a remaining length of more than four bytes"));
        }
        Ok(None)
    }
}

/// Reads the fields of a packet's body, in order.
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    pub fn new(body: &'a [u8]) -> Self {
        Self { rest: body }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub fn byte(&mut self) -> Result<u8, PacketError> {
        let (&byte, rest) = self.rest.split_first().ok_or(PacketError::Malformed("cut short"))?;
        self.rest = rest;
        Ok(byte)
    }

    pub fn number(&mut self) -> Result<u16, PacketError> {
        Ok(u16::from_be_bytes([self.byte()?, self.byte()?]))
    }

    /// Bytes with a length before them.
    pub fn binary(&mut self) -> Result<&'a [u8], PacketError> {
        let length = usize::from(self.number()?);
        let (bytes, rest) =
            self.rest.split_at_checked(length).ok_or(PacketError::Malformed("cut short"))?;
        self.rest = rest;
        Ok(bytes)
    }

    /// UTF-8 without U+0000 (MQTT 3.1.1, section 1.5.3).
    pub fn text(&mut self) -> Result<&'a str, PacketError> {
        let text = std::str::from_utf8(self.binary()?)
            .map_err(|_| PacketError::Malformed("a text that is not UTF-8"))?;
        if text.contains('\0') {
            return Err(PacketError::Malformed("a text with U+0000"));
        }
        Ok(text)
    }

    /// Nothing may be left over.
    pub fn end(&self) -> Result<(), PacketError> {
        if self.is_empty() { Ok(()) } else { Err(PacketError::Malformed("bytes left over")) }
    }
}

/// Appends bytes with their length before them. Texts here are far below 64 KiB.
pub fn put_binary(body: &mut Vec<u8>, bytes: &[u8]) {
    let length = u16::try_from(bytes.len()).expect("packets are limited to a few KiB");
    body.extend_from_slice(&length.to_be_bytes());
    body.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_whole_however_they_are_split_or_joined() {
        let packets = [
            Packet { first: 0xc0, body: vec![] },
            Packet { first: 0x82, body: vec![7; 200] },
            Packet { first: 0xe0, body: vec![] },
        ];
        let stream: Vec<u8> = packets.iter().flat_map(Packet::encode).collect();
        for step in 1..=stream.len() {
            let mut framer = Framer::new(1024);
            let mut seen = Vec::new();
            for piece in stream.chunks(step) {
                framer.push(piece);
                while let Some(packet) = framer.next().unwrap() {
                    seen.push(packet);
                }
            }
            assert_eq!(seen, packets, "in pieces of {step}");
        }
    }

    #[test]
    fn too_large_a_packet_is_refused_before_it_has_arrived() {
        let mut framer = Framer::new(100);
        framer.push(&[0x30, 0xff, 0xff, 0x7f]);
        assert_eq!(framer.next(), Err(PacketError::TooLarge { size: 4 + 0x1f_ffff, limit: 100 }));
    }

    #[test]
    fn a_length_without_end_is_refused() {
        let mut framer = Framer::new(100);
        framer.push(&[0x30, 0xff, 0xff, 0xff, 0xff]);
        assert!(matches!(framer.next(), Err(PacketError::Malformed(_))));
    }

    #[test]
    fn fields_never_read_past_the_end() {
        assert_eq!(Fields::new(&[0, 5, b'a']).text(), Err(PacketError::Malformed("cut short")));
        assert_eq!(Fields::new(&[0]).number(), Err(PacketError::Malformed("cut short")));
        assert!(Fields::new(&[0, 1, 0xff]).text().is_err());
        assert!(Fields::new(&[0, 1, 0]).text().is_err());
        assert_eq!(Fields::new(&[0, 2, b'o', b'k']).text(), Ok("ok"));
    }
}
