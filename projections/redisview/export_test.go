package redisview

import "time"

// SetUnused sets for how long nobody may have looked at a set before it is removed.
func (g *Generations) SetUnused(d time.Duration) { g.unused = d }
