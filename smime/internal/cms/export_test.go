package cms

// What the tests of the parts need to see.

var (
	Normalize = normalize
	WrapKey   = wrapKey
	UnwrapKey = unwrapKey
	DeriveKey = deriveKey
)

const MaxDepth = maxDepth
