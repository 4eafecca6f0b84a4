#include "base/os_module.hpp"

#include "base/os_types.hpp"

namespace socketpoll {

void stay_loaded() noexcept {
  HMODULE self = nullptr;
  (void)::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN,
                             reinterpret_cast<LPCWSTR>(&stay_loaded), &self);
}

} // namespace socketpoll
