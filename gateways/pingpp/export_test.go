package pingpp

// Cut is cut, for the fuzzer.
var Cut = cut
