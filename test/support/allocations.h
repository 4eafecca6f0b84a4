/* The program's operator new, counted, and failing when a test wants it to. */
#ifndef SOCKETPOLL_TEST_ALLOCATIONS_H
#define SOCKETPOLL_TEST_ALLOCATIONS_H

#ifdef __cplusplus
extern "C" {
#endif

/* The nth allocation from now on (from 0) fails, once; -1: none. */
void allocations_fail_at(long n);
/* Whether that one has failed. */
int allocations_failed(void);
long allocations_made(void);
long allocations_live(void);

#ifdef __cplusplus
}
#endif

#endif
