package domain

import "strconv"

// Fen is an amount of money in fen (1/100 yuan), the unit of the hospital interface's 1.3.2. Yuan appear only at the edges.
type Fen int64

// MaxFen bounds a single amount: 10 billion yuan, far above any order and far below overflow.
const MaxFen Fen = 1_000_000_000_000

// Yuan writes the amount in yuan with two decimals, "15.00".
func (f Fen) Yuan() string {
	b := make([]byte, 0, 24)
	magnitude := uint64(f)
	if f < 0 {
		b, magnitude = append(b, '-'), -magnitude
	}
	b = append(strconv.AppendUint(b, magnitude/100, 10), '.')
	return string(append(b, '0'+byte(magnitude%100/10), '0'+byte(magnitude%10)))
}
