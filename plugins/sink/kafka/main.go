package main

import (
	"time"

	"github.com/patchbay-io/patchbay/sdk"
)

func main() { sdk.ServeSink[Config](newSink(time.Now)) }
