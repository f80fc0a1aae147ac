// Package bench measures the server from outside, as its clients meet it: the
// real program in a process of its own, real signatures, one machine for both.
//
// The same client asks a bare net/http handler, in a process of its own too, the
// same things in turn, a slice of time each, so that a ratio holds when the
// machine's speed drifts. Read ratios and CPU per operation, not rates: the client
// takes its share of the same processors. Run it with make bench.
//
// Images are pushed to and pulled from other registries too, those that are named with
// their programs in MODELWHARF_BENCH_REGISTRIES ("name=path,name=path"): builds of
// github.com/distribution/distribution, which take that one's configuration and run
// without authentication.
//
// Packages of npm are also read from Verdaccio, if MODELWHARF_BENCH_VERDACCIO names its
// script: npm install verdaccio, then node_modules/verdaccio/bin/verdaccio.
package bench
