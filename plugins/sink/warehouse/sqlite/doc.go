// Package sqlite is the sink type "sqlite".
package sqlite
