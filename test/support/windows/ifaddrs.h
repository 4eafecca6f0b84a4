/* prelude.h, which comes before everything, declares what POSIX has here. */
