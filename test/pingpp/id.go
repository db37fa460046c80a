package pingpp

import (
	"fmt"
	"hash/fnv"
)

// id names the next object: a prefix and 24 letters and digits; the caller holds mu.
func (p *Platform) id(prefix string) string {
	p.made++
	return prefix + letters(p.options.Seed, p.made, 24)
}

func letters(seed, object uint64, n int) string {
	const alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	name := make([]byte, n)
	for i := range name {
		name[i] = alphabet[mix(seed, fmt.Sprint(object), uint64(i))%uint64(len(alphabet))]
	}
	return string(name)
}

// mix is a number by chance that follows from its arguments alone: FNV, stirred as splitmix64 does.
func mix(seed uint64, what string, n uint64) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d/%s/%d", seed, what, n) // a hash takes everything
	z := h.Sum64()
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
