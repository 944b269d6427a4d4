// The guided tour.

// start begins with what hooks.js offers.
export function start(ctx) {}
