/* Whether a sanitizer makes everything several times slower: how much is enough there. Under
 * Windows, which is Wine in the tests, it is as slow. */
#ifndef SOCKETPOLL_TEST_SANITIZED_H
#define SOCKETPOLL_TEST_SANITIZED_H

#if !defined(__has_feature)
#define __has_feature(feature) 0
#endif
#if defined(_WIN32) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||            \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#endif
