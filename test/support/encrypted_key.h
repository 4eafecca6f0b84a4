/* A certificate that names its host in nothing but its subject, and its private key, encrypted with
 * "sesame" in both of the ways that are met: PKCS #8 with PBES2 (RFC 8018), and OpenSSL's older
 * one. For nothing but tests. */
#ifndef SOCKETPOLL_TEST_ENCRYPTED_KEY_H
#define SOCKETPOLL_TEST_ENCRYPTED_KEY_H

static const char encrypted_key_certificate[] =
    "-----BEGIN CERTIFICATE-----\n"
    "MIIBgDCCASWgAwIBAgIUTjgAjoBS0F438+8non/1wdeYPCYwCgYIKoZIzj0EAwIw\n"
    "FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMDIxMjYzNVoYDzIxMjYxMDI3\n"
    "MjEyNjM1WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO\n"
    "PQMBBwNCAARzmmrxQpI5zfZbG/H4S+dSy0ATW5EwwQxPHhIl9zUM1zUP3UJ5MedO\n"
    "EBXTk8Uy5jt9U8RWD4qM7qjswkrWBlBQo1MwUTAdBgNVHQ4EFgQUZeOlDseuiAq+\n"
    "iMIx6hzGa3q3OAswHwYDVR0jBBgwFoAUZeOlDseuiAq+iMIx6hzGa3q3OAswDwYD\n"
    "VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAp1UvOGHSebL3g01AwHKz\n"
    "ijyUI0JWCCv7WPgCjJnHAn8CIQCOOeAtTl51Hit5Kae9EIJIDQUV/kVpD88/svfm\n"
    "pmNzPA==\n"
    "-----END CERTIFICATE-----\n";

/* Computed by `openssl x509 -fingerprint -sha256`, and of its `-pubkey` as DER by `openssl dgst`.
 */
static const char encrypted_key_fingerprint[] =
    "08:AA:35:C0:0B:C5:95:D3:49:E4:D4:9D:44:F7:B4:99:44:E0:61:75:BD:17:C5:7A:5E:CA:AC:B9:2C:0F:72:"
    "14";
static const char encrypted_key_pin[] = "sha256//5Gd8u9vkPTdsmOeJyN+7SujXHCJjK8v/4umSHo38HQE=";

static const char encrypted_key[] =
    "-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
    "MIHsMFcGCSqGSIb3DQEFDTBKMCkGCSqGSIb3DQEFDDAcBAjX90a+AcQ1QwICCAAw\n"
    "DAYIKoZIhvcNAgkFADAdBglghkgBZQMEASoEEBa0nBRYmJ2EE7PQc2v8N8QEgZDg\n"
    "5ohSZLSt9cLX5RzB2Kc6u2ceVNACNGpnJh1Pp6R8GMgYLoTqZdhTXbqSh3QBJjTh\n"
    "Mb7mykp2J+4Bj+FN1MBFR6PnwIhBwEphXVz2z0+QeOcAx834bEk04dR7ltMgPkCu\n"
    "Sa906MDg0xDpJD7iefbbhHaGOBg00C0K+AcaghRC7bj7aI2YO9j17adAPEiMmuE=\n"
    "-----END ENCRYPTED PRIVATE KEY-----\n";

static const char encrypted_key_traditional[] =
    "-----BEGIN EC PRIVATE KEY-----\n"
    "Proc-Type: 4,ENCRYPTED\n"
    "DEK-Info: AES-128-CBC,40914F7D43970C8FAA914A764139101C\n"
    "\n"
    "Iu1UmlqLbYAheNkdFN4c976oRnvXS0kAvY6zRbsjrkr9aZlPRoXcUfp+5Zi3Eoon\n"
    "aqI594H/+6ZGilKjwd/OWNUvkroVCxTgIqeSdMo8HFXWCfPtywkjGMWwWyX8qhVp\n"
    "Tmtvl5RHq+WTfbORxulA75H7Pw/zMiOw18bvx5G6qIA=\n"
    "-----END EC PRIVATE KEY-----\n";

static const char plain_key[] = "-----BEGIN EC PRIVATE KEY-----\n"
                                "MHcCAQEEIAadlnBQ/Qhzmulk2cfibszupUPAyUGKMOWmRbBOi63YoAoGCCqGSM49\n"
                                "AwEHoUQDQgAEc5pq8UKSOc32Wxvx+EvnUstAE1uRMMEMTx4SJfc1DNc1D91CeTHn\n"
                                "ThAV05PFMuY7fVPEVg+KjO6o7MJK1gZQUA==\n"
                                "-----END EC PRIVATE KEY-----\n";

#endif
