// Command sms is the plugin of the SMS providers: one source type a provider,
// each in a package of its own. So far it serves twilio.
package main

import (
	"github.com/patchbay-io/patchbay/plugins/source/sms/twilio"
	"github.com/patchbay-io/patchbay/sdk"
)

func main() { sdk.Serve("sms", sdk.Version, types()...) }

// types are the source types that the plugin serves.
func types() []sdk.Type {
	return []sdk.Type{sdk.SourceType(twilio.New())}
}
