package sigv4

import "strings"

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

// The values of X-Amz-Content-Sha256 that are not a hash.
const (
	unsignedPayload          = "UNSIGNED-PAYLOAD"
	streamingSigned          = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
	streamingSignedTrailer   = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"
	streamingUnsignedTrailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// payloadOf reads the form that X-Amz-Content-Sha256 declares.
func payloadOf(declared string) (Payload, error) {
	switch declared {
	case unsignedPayload:
		return Unsigned, nil
	case streamingSigned:
		return StreamingSigned, nil
	case streamingSignedTrailer:
		return StreamingSignedTrailer, nil
	case streamingUnsignedTrailer:
		return StreamingUnsignedTrailer, nil
	}
	if len(declared) == 64 && strings.Trim(declared, "0123456789abcdef") == "" {
		return Signed, nil
	}
	return 0, &Error{
		Kind:    Unsupported,
		Message: "x-amz-content-sha256 must be " + unsignedPayload + ", " + streamingUnsignedTrailer + ", " + streamingSigned + ", " + streamingSignedTrailer + ", or a valid sha256 value.",
	}
}
