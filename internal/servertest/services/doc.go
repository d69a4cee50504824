// Package services tests what deploy/service writes with real supervisord and runit
// and processes that serve. It is apart from deploy, whose tests take seconds.
package services
