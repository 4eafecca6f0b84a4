# Sourced by the scripts of tools/, after setup.sh: the cross build for Windows and what it needs.
source "$project_root/tools/lib/wine.sh"

mingw_packages=(g++-mingw-w64-x86-64-posix wine64 cmake xz-utils)
mingw_cmocka=$project_root/build/mingw-cmocka

# cmocka for Windows, from Debian's source: a static library, its header and its .pc. (Its own
# installation would bring the DLL.)
build_mingw_cmocka() {
  local source=$project_root/build/cmocka-source scratch=$project_root/build/cmocka-scratch
  [[ ! -f $mingw_cmocka/lib/pkgconfig/cmocka.pc ]] || return 0
  debian_source cmocka "$source"
  rm -rf "$scratch" "$mingw_cmocka"
  cmake -S "$source" -B "$scratch" -G Ninja -DCMAKE_SYSTEM_NAME=Windows \
    -DCMAKE_C_COMPILER=x86_64-w64-mingw32-gcc-posix \
    -DCMAKE_RC_COMPILER=x86_64-w64-mingw32-windres -DCMAKE_BUILD_TYPE=RelWithDebInfo \
    -DCMAKE_C_FLAGS=-D__USE_MINGW_ANSI_STDIO=1 -DCMAKE_INSTALL_PREFIX="$mingw_cmocka" \
    -DWITH_STATIC_LIB=ON -DBUILD_SHARED_LIBS=OFF -DUNIT_TESTING=OFF -DWITH_EXAMPLES=OFF
  ninja -C "$scratch"
  mkdir -p "$mingw_cmocka/lib/pkgconfig" "$mingw_cmocka/include"
  # Its name in cmocka 1.1.5, and in later ones.
  cp "$scratch/src/libcmocka-static.a" "$mingw_cmocka/lib/libcmocka.a" 2>/dev/null ||
    cp "$scratch/src/libcmocka.a" "$mingw_cmocka/lib/libcmocka.a"
  cp "$source"/include/cmocka*.h "$mingw_cmocka/include/"
  cp "$scratch/cmocka.pc" "$mingw_cmocka/lib/pkgconfig/"
  rm -rf "$source" "$scratch"
}

# configure_mingw NAME OPTION...: as `configure`, for Windows.
configure_mingw() {
  local name=$1 paths=$project_root/build/mingw-paths.ini
  shift
  cat >"$paths.new" <<PATHS
[binaries]
exe_wrapper = '$project_root/tools/lib/run-wine'
[properties]
pkg_config_libdir = '$mingw_cmocka/lib/pkgconfig'
PATHS
  cmp -s "$paths.new" "$paths" || mv "$paths.new" "$paths"
  rm -f "$paths.new"
  # Meson takes options from a cross file only when a build folder is made.
  [[ ! $project_root/tools/lib/mingw.ini -nt $project_root/build/$name/.configured ]] ||
    rm -rf "$project_root/build/$name"
  CXX=x86_64-w64-mingw32-g++-posix configure "$name" \
    --cross-file "$project_root/tools/lib/mingw.ini" --cross-file "$paths" "$@"
}
