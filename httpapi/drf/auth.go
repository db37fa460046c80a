package drf

import "strings"

// ParseToken reads an Authorization header as DRF's TokenAuthentication does. The error is a 401: another scheme counts
// as no credentials at all, since the scheme might be another authenticator's.
func ParseToken(header string) (token string, err error) {
	parts := strings.FieldsFunc(header, isASCIISpace)
	if len(parts) == 0 || !strings.EqualFold(parts[0], "Token") {
		return "", Unauthorized(MsgNotAuthenticated)
	}
	switch {
	case len(parts) == 1:
		return "", Unauthorized(MsgTokenMissing)
	case len(parts) > 2:
		return "", Unauthorized(MsgTokenSpaces)
	case !isASCII(parts[1]):
		return "", Unauthorized(MsgTokenCharacters)
	}
	return parts[1], nil
}

// isASCIISpace is what Python's bytes.split() splits at.
func isASCIISpace(r rune) bool {
	return r == ' ' || '\t' <= r && r <= '\r'
}

func isASCII(s string) bool {
	return allBytes(s, func(c byte) bool { return c < 0x80 })
}
