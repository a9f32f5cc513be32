package main

import (
	"testing"

	"github.com/patchbay-io/patchbay/sdk/sdktest"
)

func TestConformance(t *testing.T) { sdktest.Source[Config](t, source{}, "testdata") }
