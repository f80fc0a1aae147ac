package sigv4

// Payload is how a signature covers the body.
type Payload uint8

// The ways in which a body is covered.
const (
	Signed                   Payload = iota // by its SHA-256
	Unsigned                                // not at all
	StreamingSigned                         // chunk by chunk
	StreamingSignedTrailer                  // chunk by chunk, and signed trailers
	StreamingUnsignedTrailer                // chunks and trailers, unsigned
)
