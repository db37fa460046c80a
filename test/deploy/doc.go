// Package deploy holds the tests of the folder deploy: that what stands there fits the server as it is.
package deploy
