package envelope

import (
	_ "embed"
	"strings"
)

//go:embed open.wsdl
var wsdl string

// WSDL is the description of the service at GET /open?wsdl: WSDL 1.1, document/literal wrapped, as JAX-WS makes it of
// one method with one parameter. The location is the URL of the endpoint. The result is of any type: its elements are
// those of each method (2), and with responseType 1 it is text.
func WSDL(location string) []byte {
	return []byte(strings.Replace(wsdl, "LOCATION", string(appendAttribute(nil, location)), 1))
}
