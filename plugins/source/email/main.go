// Command email is the plugin that serves the email source types, one for each
// provider, each in a package of its own.
package main

import (
	"github.com/patchbay-io/patchbay/plugins/source/email/sendgrid"
	"github.com/patchbay-io/patchbay/sdk"
)

func main() {
	sdk.Serve("email", sdk.Version, sdk.SourceType(sendgrid.New()))
}
