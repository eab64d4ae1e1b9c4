// Every sentence of the pages, one object a language. The server reads this object too, to write the
// first paint, so that both say the same: it must stay JSON. A sentence is never glued from fragments.

/** @type {Record<string, string>} */
export const EN = {
  "connecting": "Connecting…",
  "live": "Live",
  "late": "Late data",
  "old": "Old data",
  "waiting": "Waiting for data",
  "reconnecting": "Reconnecting…",
  "offline": "You are offline",
  "as_of": "As of {time}",

  "clean": "Clean",
  "average": "Average",
  "dirty": "Dirty",
  "flat": "Much the same all week",
  "no_verdict": "No verdict yet",
  "no_verdict_old": "No verdict: the data are old",

  "cleaner_week": "Cleaner than {n} of 100 hours this week",
  "dirtier_week": "Dirtier than {n} of 100 hours this week",
  "cleaner_so_far": "Cleaner than {n} of 100 hours, with {hours} hours of data so far",
  "dirtier_so_far": "Dirtier than {n} of 100 hours, with {hours} hours of data so far",
  "too_short": "A verdict needs two days of data; {hours} hours are here so far",
  "cleanest": "cleanest {value}",
  "dirtiest": "dirtiest {value}",
  "strip": "The week runs from {min} to {max} grams; now is at {n} of 100, counted from the cleanest hour",

  "measured_nyiso": "Measured {time}, {age}, NYISO",
  "measured_recorded": "Recorded data, set to {time}, {age}",
  "measured_generated": "Made up for {time}, {age}",
  "late_nyiso": "Measured {time}, {age}. NYISO has published nothing since.",
  "late_recorded": "Recorded data, set to {time}, {age}. Nothing has come since.",
  "late_generated": "Made up for {time}, {age}. Nothing has come since.",
  "just_now": "just now",
  "minutes_ago": "{n} min ago",
  "hours_ago": "{h} h {m} min ago",
  "days_ago": "{n} days ago",
  "waiting_title": "Waiting for the first reading",
  "waiting_detail": "NYISO publishes every five minutes. The first reading is expected by {time}.",
  "feed_reason": "The feed says: {reason}",
  "missing_one": "Incomplete: there are no data for {names}. Its share is not in this number.",
  "missing_many": "Incomplete: there are no data for {names}. Their share is not in this number.",
  "unknown": "Incomplete: there is no emission factor for {names}. That share is not in this number.",
  "incomplete": "Incomplete: part of the fuel mix is not in this number.",
  "basis": "Average of all generation in the state, direct emissions. Factors {factor_set}.",
  "life_cycle": "Counted over the whole life cycle: {value} g CO2e per kWh.",

  "generated": "Generated demo data: not New York’s grid",
  "recorded": "Recorded data: New York’s grid of another day, played back",

  "title": "{value} g/kWh: New York grid now",
  "title_verdict": "{value} g/kWh, {verdict}: New York grid now",
  "title_waiting": "NY Grid Carbon",
  "title_old": "Old data: New York grid",
  "title_generated": "{title} (demo data)",
  "title_recorded": "{title} (recorded data)",
  "description": "The carbon intensity of New York’s electricity, live. Now: {title}.",
  "description_waiting": "The carbon intensity of New York’s electricity, live.",

  "chart_none": "The chart comes with the first readings.",
  "chart_name": "Carbon intensity over the last 24 hours: from {min} to {max} grams per kilowatt-hour, now {value}. Lowest at {low}, highest at {high}.",
  "readout": "{time}: {value} g",
  "readout_none": "{time}: no data",
  "readout_spoken": "{time}: {value} grams",
  "readout_hint": "Slide to read any moment",
  "axis_start": "Scale starts at {value} g",
  "clean_below": "clean below {value}",
  "dirty_above": "dirty above {value}",
  "no_data": "no data",
  "grams": "{value} g",
  "table_hour": "{day} {time}",

  "Nuclear": "Nuclear",
  "Hydro": "Hydro",
  "Wind": "Wind",
  "Other Renewables": "Other renewables",
  "Natural Gas": "Natural gas",
  "Dual Fuel": "Gas or oil",
  "Other Fossil Fuels": "Other fossil",
  "Other Renewables detail": "solar, waste, wood",
  "Dual Fuel detail": "plants that burn either",
  "Other Fossil Fuels detail": "mostly oil",
  "unknown_fuel": "new category",
  "megawatts": "{value} MW",
  "share": "{value} %",
  "mix_total": "{total} MW in all, {time}. Solar on roofs and imports are not in these figures.",
  "mix_none": "The fuel mix comes with the first reading.",

  "reload": "Updated: reload",
  "announce_verdict": "Now {verdict}, {value} grams per kilowatt-hour",
  "announce_lost": "Connection lost, reconnecting",
  "announce_back": "Connected again",

  "console_count": "{shown} of {kept} messages",
  "console_paused": "{shown} of {kept} messages, paused",
  "console_empty": "Nothing has come yet. Retained messages arrive at once; news every five minutes.",
  "console_more": "Show all {size}",
  "bytes": "{n} B",
  "kilobytes": "{n} kB",
  "retained": "retained",
  "pause": "Pause",
  "resume": "Resume",
  "copy": "Copy",
  "copied": "Copied",
  "copy_failed": "Press Ctrl+C"
};

/**
 * Puts values into a sentence.
 * @param {string} sentence
 * @param {Record<string, string | number>} [values]
 */
export const fill = (sentence, values = {}) =>
  sentence.replace(/\{(\w+)\}/g, (_, name) => String(values[name] ?? ""));
