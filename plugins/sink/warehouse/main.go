// Command warehouse is the plugin that serves the warehouse sink types, one
// for each database engine. What the engines share is data beside it: the
// canonical columns in package table, the state of a message in package fold.
package main

import (
	"time"

	"github.com/patchbay-io/patchbay/plugins/sink/warehouse/sqlite"
	"github.com/patchbay-io/patchbay/sdk"
)

func main() {
	sdk.Serve("warehouse", sdk.Version, sdk.SinkType(sqlite.New(time.Now)))
}
