// Package integration sends mail through real servers and has programs that
// share no code with this library judge what arrived: Python's email package, nkf
// and a strict iconv; openssl and gpgsm for S/MIME, dkimpy and OpenDKIM, Unbound
// and openssl's s_client for DNSSEC and DANE, microsocks and tinyproxy.
//
// The tests stand behind the build tag "integration", because they need root and
// the programs named in realserver and judge_test.go; make integration installs
// what is missing. A program that isn't there is a failure, never a skip.
package integration
