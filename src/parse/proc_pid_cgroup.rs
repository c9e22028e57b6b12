//! `/proc/<pid>/cgroup`: the control groups of a process (`cgroups(7)`), whose names tell container
//! runtimes' containers.
//!
//! ```text
//! 0::/system.slice/docker-3f4e...64 hexadecimal digits....scope
//! ```

/// The digits of a container's id.
const ID: usize = 64;

/// The id of the container that the process belongs to: the last 64 hexadecimal digits in a row, as
/// Docker, containerd, CRI-O and Podman name their groups.
#[must_use]
pub fn container(text: &[u8]) -> Option<&[u8]> {
    let is_other = |byte: &u8| !byte.is_ascii_hexdigit();
    text.split(is_other).rfind(|digits| digits.len() == ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_in_the_name_that_its_runtime_gives_the_group() {
        let id = "0123456789abcdef".repeat(4);
        for text in [
            format!("0::/system.slice/docker-{id}.scope\n"),
            format!("12:pids:/docker/{id}\n11:cpu:/docker/{id}\n"),
            format!("0::/kubepods.slice/kubepods-pod1f_2.slice/cri-containerd-{id}.scope\n"),
            format!("0::/kubepods/besteffort/pod8a/{id}"),
            format!("0::/machine.slice/libpod-{id}.scope/container\n"),
        ] {
            assert_eq!(container(text.as_bytes()), Some(id.as_bytes()), "{text}");
        }
        for text in ["", "0::/\n", "0::/user.slice/user-0.slice\n", &format!("0::/{id}0\n")] {
            assert_eq!(container(text.as_bytes()), None, "{text}");
        }
    }
}
