// Numbers and times as New Yorkers read them: Eastern time, always, on a 12-hour clock. The formatters
// are made once: making one per label costs as much as the whole chart. `cloud/src/web/eastern.rs` says the
// same on the server.

const ZONE = "America/New_York";
const HOUR = 3_600_000;

/** @param {Intl.DateTimeFormatOptions} options */
const formatter = (options) => new Intl.DateTimeFormat("en-US", { timeZone: ZONE, ...options });

const PARTS = formatter({
  year: "numeric", month: "short", day: "numeric", weekday: "short", hour: "numeric", minute: "2-digit", hour12: true,
});
const ZONE_NAME = formatter({ timeZoneName: "short" });
const WHOLE = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** @param {number} ts */
const parts = (ts) => {
  /** @type {Record<string, string>} */
  const named = {};
  for (const part of PARTS.formatToParts(ts)) named[part.type] = part.value;
  return named;
};

/** @param {number} ts */
const wall = (ts) => {
  const p = parts(ts);
  return `${p.month} ${p.day} ${p.hour}:${p.minute} ${p.dayPeriod}`;
};

/** The zone's name, in the hour that comes twice in November; else nothing. @param {number} ts */
const zone = (ts) => {
  const here = wall(ts);
  if (wall(ts - HOUR) !== here && wall(ts + HOUR) !== here) return "";
  return ` ${ZONE_NAME.formatToParts(ts).find((part) => part.type === "timeZoneName")?.value}`;
};

/** `6:05 PM` @param {number} ts */
export const time = (ts) => {
  const p = parts(ts);
  return `${p.hour}:${p.minute} ${p.dayPeriod}${zone(ts)}`;
};

/** `6:05:09 PM`, for the console. @param {number} ts */
export const timeWithSeconds = (ts) => {
  const p = parts(ts);
  return `${p.hour}:${p.minute}:${String(new Date(ts).getUTCSeconds()).padStart(2, "0")} ${p.dayPeriod}`;
};

/** `6 PM`, for a full hour. @param {number} ts */
export const hour = (ts) => {
  const p = parts(ts);
  return `${p.hour} ${p.dayPeriod}${zone(ts)}`;
};

/** `Tue` @param {number} ts */
export const weekday = (ts) => parts(ts).weekday;

/** `time`, with the day before it when that is not the day of `now`. @param {number} ts @param {number} now */
export const timeAndDay = (ts, now) => {
  const p = parts(ts);
  const today = parts(now);
  if (p.year === today.year && p.month === today.month && p.day === today.day) return time(ts);
  if (Math.abs(now - ts) < 6 * 24 * HOUR) return `${p.weekday} ${time(ts)}`;
  return `${p.month} ${p.day}, ${time(ts)}`;
};

/** Minutes since midnight on the wall clock. @param {number} ts */
export const minuteOfDay = (ts) => {
  const p = parts(ts);
  return ((Number(p.hour) % 12) + (p.dayPeriod === "PM" ? 12 : 0)) * 60 + Number(p.minute);
};

/** A whole number with commas, without a minus before zero. @param {number} value */
export const thousands = (value) => WHOLE.format(Math.sign(value) * Math.round(Math.abs(value)) || 0);

/** A whole number. @param {number} value */
export const whole = (value) => String(Math.sign(value) * Math.round(Math.abs(value)) || 0);

/**
 * The sentence for best hours that start at `ts`, within a day of `now`: a night that begins today and ends
 * before 6 AM is tonight.
 * @param {number} ts @param {number} now
 */
export const dayWord = (ts, now) => {
  const [there, here] = [parts(ts), parts(now)];
  const sameDay = there.year === here.year && there.month === here.month && there.day === here.day;
  const hourThere = minuteOfDay(ts) / 60;
  if (!sameDay) return hourThere < 6 ? "best_tonight" : "best_tomorrow";
  return hourThere < 18 && minuteOfDay(now) < 18 * 60 ? "best_today" : "best_tonight";
};
