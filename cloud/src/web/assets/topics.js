// Every topic of the stream, once, without its root. A Rust test holds this list to domain/src/wire.

export const TOPICS = {
  mix: "upstream/mix",
  carbonNow: "computed/co2",
  carbon24h: "archive/co2/24h",
  carbon7d: "archive/co2/7d",
  fuelMixUpdated: "status/fuel-mix/updated",
  webUi: "application/webui",
  feedFuelMix: "status/feed/fuel-mix",
  serviceWeb: "status/web",
  fuelReading: "upstream/fuel-mix/",
};
