#!/usr/bin/env python3
"""check_source.py FOLDER: refuses an mbedTLS that works otherwise than idle.c, alert_keys.c and key_update.c
expect.

A later 3.6.x is fine as long as the functions below read as they did. If one differs: read what changed,
see whether these still hold and their tests pass, then write the new sum here.
"""
import hashlib
import pathlib
import re
import sys

EXPECTED = {
    ('library/ssl_tls.c', 'static int resize_buffer('): 'f70686247240cbab',
    ('library/ssl_tls.c', 'static void handle_buffer_resizing('): '38815ba0f6cbeb28',
    ('library/ssl_tls.c', 'int mbedtls_ssl_handshake_step('): 'a90711f929853a7e',
    ('library/ssl_tls.c', 'void mbedtls_ssl_handshake_free('): '8b4b7f4d7aa002cc',
    ('library/ssl_msg.c', 'int mbedtls_ssl_check_pending('): 'ebe44c716bb189b9',
    ('library/ssl_msg.c', 'void mbedtls_ssl_update_in_pointers('): '46289ca98dfbe3ed',
    ('library/ssl_msg.c', 'void mbedtls_ssl_reset_out_pointers('): '3df8f350c56ee0e1',
    ('library/ssl_tls13_server.c', 'static int ssl_tls13_write_server_finished('): 'd30c1531003b1db3',
    ('library/ssl_tls13_generic.c', 'void mbedtls_ssl_tls13_handshake_wrapup('): '95db03c26b10eedb',
    ('library/ssl_msg.c', 'void mbedtls_ssl_set_outbound_transform('): 'a4f6e4f2d1a9b620',
    ('library/ssl_msg.c', 'static int ssl_tls13_handle_hs_message_post_handshake('): 'c9c36c3cc5e550bc',
    ('library/ssl_msg.c', 'static int ssl_consume_current_message('): 'd35cca1b0e286e1d',
    ('library/ssl_tls13_keys.c', 'int mbedtls_ssl_tls13_compute_application_transform('): 'e7e4285b3a3fc65d',
}


def function(text, opening):
    """From its first line to the brace that stands alone at the start of a line."""
    start = text.find('\n' + opening)
    while start >= 0:
        end = text.find('\n}\n', start)
        body = text[start + 1:end + 2]
        if '{' in body.split(';', 1)[0]:  # and no declaration
            return body
        start = text.find('\n' + opening, start + 1)
    return None


def main():
    folder, wrong = pathlib.Path(sys.argv[1]), []
    for (name, opening), expected in EXPECTED.items():
        body = function((folder / name).read_text(encoding='utf-8'), opening)
        sum_now = body and hashlib.sha256(re.sub(r'\s+', ' ', body).encode()).hexdigest()[:16]
        if sum_now != expected:
            wrong.append(f"{name}: {opening.rstrip('(').split()[-1]} is {sum_now or 'not there'}, not {expected}")
    if wrong:
        sys.exit('\n'.join(wrong) + '\n' + __doc__.strip())


if __name__ == '__main__':
    main()
