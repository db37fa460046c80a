package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/sys/unix"
)

const (
	drawEvery = 100 * time.Millisecond // between two pictures of the bar
	// plainEvery lies between the lines that tell of the progress where there is no terminal to draw a bar on.
	plainEvery = 5 * time.Second
)

// progress shows how many events came: as a bar on a terminal, as a line now and then elsewhere.
type progress struct {
	w      io.Writer
	bar    *progressbar.ProgressBar // nil without a terminal
	events int64

	told       time.Time // when it was shown last,
	toldEvents int64     // and with how many events
}

func newProgress(w io.Writer) *progress {
	p := &progress{w: w, told: time.Now()}
	if isTerminal(w) {
		p.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
			progressbar.OptionSetItsString("events"), progressbar.OptionSetDescription("replay"), progressbar.OptionClearOnFinish())
	}
	return p
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(file.Fd()), unix.TCGETS)
	return err == nil
}

// add takes one more event.
func (p *progress) add() {
	p.events++
	took := time.Since(p.told)
	switch {
	case p.bar != nil && took >= drawEvery:
		_ = p.bar.Set64(p.events) // how it looks is no reason to stop; so below
	case p.bar == nil && took >= plainEvery:
		p.say("%d events, %.0f a second", p.events, float64(p.events-p.toldEvents)/took.Seconds())
	default:
		return
	}
	p.told, p.toldEvents = time.Now(), p.events
}

// say writes a line that stays.
func (p *progress) say(format string, args ...any) {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	fmt.Fprintf(p.w, "replay: "+format+"\n", args...)
}

// finish tells how many events there were in all.
func (p *progress) finish() {
	if p.bar != nil {
		_ = p.bar.Finish()
	}
	fmt.Fprintf(p.w, "%d events\n", p.events)
}
