// Package house holds the rules of the house as tests: who may import whom, who
// speaks SQL, who opens connections, that every package says what it is, and that
// docs/spec-status.md tells the truth.
//
// It tests sources and tables, not behaviour.
package house
