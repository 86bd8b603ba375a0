#!/bin/sh
# Makes the keys of this folder anew, with OpenSSL 3. They are for tests and for
# nothing else; the password is "test".
set -eu
cd "$(dirname "$0")"
openssl ecparam -name prime256v1 -genkey -noout -out ec.pem
openssl req -x509 -new -key ec.pem -days 9000 -subj '/CN=Test' -out cert.pem \
	-addext 'subjectAltName=email:sales@example.co.jp' -addext 'extendedKeyUsage=emailProtection' -addext 'keyUsage=digitalSignature'
openssl req -x509 -new -newkey rsa:2048 -nodes -keyout rsa.pem -days 9000 -subj '/CN=Other' -out rsa-cert.pem
pkcs8() { openssl pkcs8 -topk8 -in ec.pem -passout pass:test "$@"; }
pkcs8 -out pkcs8-aes256.pem
pkcs8 -v2 aes-128-cbc -v2prf hmacWithSHA1 -out pkcs8-aes128-sha1.pem
pkcs8 -v2 aes-192-cbc -v2prf hmacWithSHA512 -out pkcs8-aes192-sha512.pem
pkcs8 -v2 des3 -v2prf hmacWithSHA384 -out pkcs8-des3-sha384.pem
pkcs8 -v2 aes-256-cbc -v2prf hmacWithSHA224 -out pkcs8-aes256-sha224.pem
pkcs8 -scrypt -out pkcs8-scrypt.pem
pkcs8 -v1 PBE-SHA1-3DES -out pkcs8-pbes1.pem
pkcs8 -v2 aria256 -out pkcs8-aria.pem
pkcs8 -iter 2000001 -out pkcs8-iterations.pem
openssl ec -in ec.pem -aes256 -passout pass:test -out traditional-aes256.pem
openssl ec -in ec.pem -des3 -passout pass:test -out traditional-des3.pem
openssl rsa -in rsa.pem -traditional -aes128 -passout pass:test -out traditional-rsa.pem
pfx() { openssl pkcs12 -export -inkey ec.pem -in cert.pem -certfile rsa-cert.pem -passout pass:test "$@"; }
pfx -out modern.pfx
pfx -legacy -out legacy.pfx
pfx -macalg sha384 -out sha384.pfx
pfx -nomac -out nomac.pfx
pfx -iter 2000001 -out iterations.pfx
openssl pkcs12 -export -nokeys -in cert.pem -passout pass:test -out nokey.pfx

# Mail that is encrypted to both, in every form that OpenSSL writes.
printf 'Content-Type: text/plain\r\n\r\nHello.\r\n' >hello
ec() { openssl cms -encrypt -binary -in hello -recip cert.pem "$@"; }
rsa() { openssl cms -encrypt -binary -in hello -recip rsa-cert.pem "$@"; }
ec -aes256 -out ec-cbc.eml
ec -aes-256-gcm -out ec-gcm.eml
ec -aes192 -stream -keyid -out ec-stream.eml
ec -aes128 -keyopt ecdh_kdf_md:sha384 -out ec-sha384.eml
ec -out ec-default.eml
rsa -out rsa-default.eml
rsa -aes-128-gcm -stream -out rsa-gcm.eml
rsa -aes256 -keyid -keyopt rsa_padding_mode:oaep -out rsa-oaep.eml
rsa -aes256 -keyopt rsa_padding_mode:oaep -keyopt rsa_oaep_md:sha512 -keyopt rsa_mgf1_md:sha224 -keyopt rsa_oaep_label:616263 -out rsa-oaep-label.eml
openssl cms -encrypt -binary -in hello -aes256 -out both.eml cert.pem rsa-cert.pem
sign() { openssl cms -sign -binary -in hello -signer cert.pem -inkey ec.pem "$@"; }
sign -md sha512 -out signed.eml
sign -nodetach -stream -out signed-stream.eml
sign -nodetach -noattr -out signed-noattr.eml
sign -md sha1 -out signed-sha1.eml
sign -keyid -out signed-keyid.eml
rm ec.pem rsa.pem hello
