//! Certificates for the servers of tests.

use std::{fs, io, path::PathBuf, process::Command};

/// A certificate authority and a server's certificate signed by it, in a folder.
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// Makes one. `None` where there is no `openssl`.
    pub fn new(folder: PathBuf) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let authority = Self { folder };
        let made = authority.run(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
             -subj /CN=tests -keyout ca.key -out ca.crt",
        );
        match made {
            Ok(()) => Some(authority),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                assert!(std::env::var_os("CI").is_none(), "no TLS in the tests: install the package `openssl`");
                eprintln!("SKIPPED: no TLS in the tests: install the package `openssl`");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// A key and a certificate for the server at 127.0.0.1.
    pub fn certify(&self) {
        fs::write(self.folder.join("names"), "subjectAltName = IP:127.0.0.1").unwrap();
        let request = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=server \
             -keyout server.key -out server.csr";
        let sign = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names \
             -out server.crt";
        self.run(request).and_then(|()| self.run(sign)).unwrap();
    }

    fn run(&self, arguments: &str) -> io::Result<()> {
        let done = Command::new("openssl").args(arguments.split_whitespace()).current_dir(&self.folder).output()?;
        assert!(done.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&done.stderr));
        Ok(())
    }

    /// The authority's own certificate.
    pub fn root(&self) -> PathBuf {
        self.file("ca.crt")
    }

    /// `server.key` or `server.crt`, once it was made.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}
