// Package envelope is the transport of the hospital open interface (医程通开放接口 V1.3): it reads the call that stands
// in the body of a POST and writes the reply wrapped and encoded as the call was. It knows nothing of orders.
//
//	request, err := envelope.Read(r.Header.Get("Content-Type"), body)
//	var refusal *envelope.Refusal
//	if errors.As(err, &refusal) {
//		return request.Refuse(w, refusal)
//	}
//	no, present := request.Params.Text("orderNo")
//	…
//	return request.Reply(w, envelope.Done, "", envelope.Field{Name: "refundOrderNo", Value: refund})
//
// # What is read
//
// The document (1.1) shows a bare <arg0> and speaks of a root named request; arg0 and return are also what a JAX-WS
// service with one parameter looks like on the wire. So a SOAP 1.1 envelope, a bare <arg0> and a bare <request> are
// read, in UTF-8, GBK or GB18030, their content and their methodParams as CDATA, as escaped text or as elements. The
// samples of the document are read letter by letter, with their curly quotes and the space in "</ patCardNo>".
//
// # What stands before the parser
//
// encoding/xml does the parsing, after one pass of our own over the same bytes that refuses what it would let
// through or spend memory on: a DOCTYPE, too many elements or attributes, too deep a nesting, references to what is
// no character. The pass goes over every document: the outer one and those that stand as text within it.
//
// # Where what is wrong is said
//
// What is wrong above the operation of a SOAP envelope is a fault (HTTP 500); all else, a DOCTYPE before an operation too,
// is HTTP 200 with resultCode 2.
package envelope
