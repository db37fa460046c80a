package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxEnvelope is how long a line may be: an append of the log has at most 900 KiB.
const maxEnvelope = 2 << 20

// continued opens a file to be added to behind its last whole line, and gives that line's position.
func continued(name string) (file *os.File, position string, err error) {
	file, err = os.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("--output: %w; name a file that can be written", err)
	}
	end, position, err := lastLine(file)
	if err == nil {
		err = file.Truncate(end)
	}
	if err == nil {
		_, err = file.Seek(end, io.SeekStart)
	}
	if err != nil {
		return nil, "", errors.Join(fmt.Errorf("--output %s: %w", name, err), file.Close())
	}
	return file, position, nil
}

// lastLine finds where the last whole line ends, and its position, reading the end of the file alone. A file that is
// no replay is left as it is, with an error.
func lastLine(file *os.File) (end int64, position string, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, "", err
	}
	from := max(0, info.Size()-2*maxEnvelope)
	tail := make([]byte, info.Size()-from)
	if _, err := file.ReadAt(tail, from); err != nil && !errors.Is(err, io.EOF) {
		return 0, "", err
	}
	whole := bytes.LastIndexByte(tail, '\n') + 1
	if whole == 0 {
		if len(tail) > 0 && !bytes.HasPrefix(tail, []byte(`{"specversion"`)) {
			return 0, "", errors.New("the file is no replay: name another")
		}
		return 0, "", nil
	}
	begin := bytes.LastIndexByte(tail[:whole-1], '\n') + 1
	var last struct{ Position string }
	if err := json.Unmarshal(tail[begin:whole], &last); err != nil || last.Position == "" {
		return 0, "", errors.New("the file is no replay, for its last line has no position: name another")
	}
	return from + int64(whole), last.Position, nil
}
