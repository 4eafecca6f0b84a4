// Base floor. The library, as the system's loader has it.
#pragma once

namespace socketpoll {

// For what runs later than any call of the program: threads, and what is destroyed as one ends.
// From now on nobody's FreeLibrary takes the code away. Other systems are told by the linker.
#if defined(_WIN32)
void stay_loaded() noexcept;
#else
inline void stay_loaded() noexcept {}
#endif

} // namespace socketpoll
