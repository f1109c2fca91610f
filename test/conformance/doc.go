// Package conformance holds the script that starts one server for a conformance
// suite, and its test. The suites are elsewhere: the script takes from its
// environment what they have to say.
package conformance
