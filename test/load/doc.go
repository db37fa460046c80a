// Package load measures the server against the ceilings of the machine it runs on, in the same run: S, echo
// sending a static body of the same size; G, echo with one Redis GET of it; L, a file appended to with one
// fdatasync for all who wait. Figures are ratios, for machines differ. Run it with "make bench".
package load
