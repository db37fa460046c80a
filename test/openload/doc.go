// Package openload tries the hospital open interface as it is used on a bad day: many at once, killed midway, by
// clients of another language, and by some who mean no good.
package openload
