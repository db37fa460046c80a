// Package drf keeps the wire behaviour of Django REST Framework in one place: the clients of the Q&A order API were
// written against a DRF service and rely on its texts, its error bodies, its leniency towards what they send and the
// shape of its lists.
//
// A request passes through it in this order:
//
//	lang := drf.RequestLang(r)                           // English, or Chinese if asked for
//	token, err := drf.ParseToken(r.Header.Get("Authorization"))
//	data, err := drf.ParseBody(r, 1<<20)                 // JSON, form or multipart, bounded
//	f := data.Fields()                                   // typed values, errors gathered in order
//	doctor := f.String("doctor", drf.MaxLength(150))
//	kind := f.Choice("order_type", []string{"online", "monthly"})
//	err = f.Err()                                        // nil, or the 400 with every field's errors
//
// Every error that the package returns is an [*Error]; [AsError] makes one of any other error, and [Error.Body] renders
// it in the caller's language. Replies are encoded by [Marshal], or written piece by piece by a [Writer], lists by
// [Paging] with [NewListing] or [WriteListing], times and amounts by [Time] and [Yuan].
//
// The rules are those of DRF 3.14 on Django 3.2; each declaration names the class that its rule comes from.
package drf
