// Package figures writes numbers for people: speeds, durations, counts, and the small print under
// an answer.
//
// # Promises
//
// It is pure. Figures that are compared look alike, wherever they stand.
package figures
