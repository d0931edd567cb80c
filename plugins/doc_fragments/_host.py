# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """What the modules share that run on the hosts which the certificates are for."""

    DOCUMENTATION = r"""
options:
  home:
    description:
      - The folder that certificates are kept in. The live one is in C(live/NAME/).
    type: path
    default: /etc/acme
"""

    LIST = r"""
options:
  list:
    description:
      - The name of the list that O(certificates) is, where a host has several. In the form of a certificate's name.
      - A certificate belongs to the list that it was made for, which its manifest names. Only that list calls it
        unlisted, and only that list removes it. Certificates that releases before 0.4.0 made belong to V(default).
      - A certificate of another list with the same name and the same identifiers moves to this list, so that a list can
        get another name. Nothing is issued for that. One with other identifiers is refused, and so is one that moved
        from this list to another, since then two lists have it.
    type: str
    default: default
    version_added: 0.4.0
  reassign:
    description:
      - Have certificates of other lists move to O(list) that are refused otherwise. It is for one run.
    type: bool
    default: false
    version_added: 0.4.0
"""

    CERTIFICATES = r"""
options:
  certificates:
    description:
      - The certificates that are wanted on this host.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The certificate's name on the host, and of its folder under C(live/). Letters, digits, C(.), C(_) and C(-).
        type: str
        required: true
      identifiers:
        description:
          - The DNS names and IP addresses in the certificate. Names are taken as people write them.
          - One of them can be a mapping of C(value) with its own C(challenge) or C(webroot).
        type: list
        elements: raw
        required: true
      challenge:
        description:
          - How control of the names is proved, where an identifier has no challenge of its own.
          - V(http-01) by a file in O(certificates[].webroot), or, where there is no web server, by a listener at
            O(certificates[].http_01_listen).
          - V(dns-01) by a TXT record; it alone can prove a wildcard. V(dns-account-01) and V(dns-persist-01) are
            variants of it that few CAs offer yet.
          - V(tls-alpn-01) by a listener at O(certificates[].tls_alpn_01_listen).
          - IP addresses are proved by V(http-01) and V(tls-alpn-01) only.
        type: str
        default: http-01
        choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
      webroot:
        description: The folder that the web server serves at C(http://NAME/) for each of the identifiers.
        type: path
      http_01_listen:
        description:
          - Where a host without a web server answers V(http-01) for as long as the validation takes, C(PORT),
            C(ADDRESS:PORT) or C([V6]:PORT). The CA comes to port 80.
        type: str
        version_added: 0.2.0
      tls_alpn_01_listen:
        description:
          - Where the host answers V(tls-alpn-01), in the same form. The CA comes to port 443, which no web server can
            hold at the same time.
        type: str
        default: "443"
        version_added: 0.2.0
      key_type:
        description: The kind of private key.
        type: str
        default: ec256
        choices: [ec256, ec384, rsa2048, rsa3072, rsa4096]
      profile:
        description: The certificate profile, one that the CA's directory lists.
        type: str
      not_before:
        description: From when the certificate is to be valid, as M(certfleet.tls.acme_order) has it.
        type: str
        version_added: 0.3.0
      not_after:
        description: Until when it is to be valid, likewise.
        type: str
        version_added: 0.3.0
      reload:
        description:
          - What is to read the certificate anew when it is new. An entry is the name of a service, or a mapping.
          - >-
            C({service: NAME}) is the same as the name alone. A service that is not running is started. Where there is
            no systemd, OpenRC's C(rc-service) or C(service) is used.
          - >-
            C({command: [PROGRAM, ARGUMENT]}) runs a program, without a shell.
          - >-
            C({notify: HANDLER}) has the role notify a handler of the play; whoever uses the modules by themselves does
            so in tasks of their own.
          - >-
            Before anything is reloaded, configurations are tested. It is known how for the services C(nginx),
            C(apache2), C(httpd) and C(haproxy); C(test), a list of a program and its arguments, says it for any other
            C(service) or C(command), as C({service: dovecot, test: [doveconf, -n]}).
          - A reload, and a test, may take 120 seconds, or what C(timeout) says beside C(service) or C(command); then it
            is killed with all that it started.
          - Where a test or a reload fails, the version before is the live one again.
        type: list
        elements: raw
        default: []
      probe:
        description:
          - Where the certificate is served. After the reload the host connects there, and compares what it gets with
            what is on the disk. If that still differs when the timeout is over, the version before is the live one
            again, the services are reloaded once more, and the host fails with both serial numbers.
          - The host shows no certificate of its own. Where a server demands one, what it serves is seen all the same.
          - A handler runs too late to be probed, so this does not go with C(notify) in O(certificates[].reload).
        type: list
        elements: dict
        default: []
        version_added: 0.3.0
        suboptions:
          address:
            description: The name or IP address to connect to, as the host sees it.
            type: str
            default: localhost
          port:
            description: The port. By default 443, or what is usual for O(certificates[].probe[].starttls).
            type: int
          server_name:
            description:
              - The name to ask for (SNI). By default the first of O(certificates[].identifiers) that is a name and no
                wildcard.
            type: str
          starttls:
            description: The protocol, where TLS begins within a connection in clear.
            type: str
            choices: [smtp, imap, pop3, ldap, postgres]
          timeout:
            description: For how many seconds it is tried, which is what the service has to begin using the certificate.
            type: int
            default: 30
      shared:
        description:
          - Whether the hosts of the play that have a certificate of this name share one, key and all. It is for the
            role; a module by itself makes nothing of it.
        type: bool
        default: false
        version_added: 0.3.0
      formats:
        description:
          - Files that the certificate is kept in beside its PEM files, for what reads nothing else. Each is written
            whole or not at all, and whenever it is missing, changed or wanted otherwise, without a new certificate.
            What is in O(certificates[].reload) is reloaded then.
          - Their folders have to be there, and no user may be able to lead them into what is another's.
          - Containers mount their folders, not the files, which a renewal replaces.
          - A file that is not listed any more stays as it is; a warning says so.
        type: list
        elements: dict
        default: []
        version_added: 0.3.0
        suboptions:
          kind:
            description:
              - V(combined) has the private key, the certificate and its chain as PEM, as HAProxy wants it.
              - V(pkcs12) has the same as PKCS#12, for Java and Windows.
              - V(der) is the certificate alone, V(root) the root that its chain leads to, as PEM.
            type: str
            required: true
            choices: [combined, pkcs12, der, root]
          path:
            description: The file, absolute, and not in O(home).
            type: path
            required: true
          owner:
            description: Who owns it. By default as the private key where that is in it, else whoever runs the module.
            type: str
          group:
            description: Its group, with the same default.
            type: str
          mode:
            description:
              - Its mode, four octal digits in quotes. By default as the private key's where that is in it, else
                V(0644).
            type: str
          encryption:
            description:
              - V(modern) is AES-256 with SHA-256. V(legacy) is triple DES with SHA-1, for what is old.
            type: str
            default: modern
            choices: [modern, legacy]
          passphrase:
            description: >-
              What a V(pkcs12) is encrypted with, which needs one of at least 12 characters. It may not be part of the
              name of a handler to notify, since Ansible hides it wherever it is.
            type: str
          friendly_name:
            description: The name of key and certificate in a V(pkcs12). By default O(certificates[].name).
            type: str
          roots:
            description:
              - A file on the host with trusted roots, PEM, among which that of the chain is looked for, as CAs leave it
                out. By default where distributions keep theirs; an internal CA is not among them.
            type: path
      owner:
        description: Who owns the private key. By default whoever runs the module.
        type: str
      group:
        description: The group of the private key.
        type: str
      mode:
        description: The mode of the private key, four octal digits in quotes. It may not open the key to every user.
        type: str
        default: "0600"
"""

    CRYPTOGRAPHY = r"""
options: {}
requirements:
  - cryptography >= 3.3 on the host
"""

    ORDERS = r"""
options:
  orders:
    description:
      - Orders at the CA, to be written into the journals of the pending versions. A run that is killed after that is
        taken up where it stopped and costs no second certificate.
      - Certificates that are not listed keep what their journals say.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name.
        type: str
        required: true
      order_uri:
        description: URL of the order.
        type: str
        required: true
      account_uri:
        description: URL of the account that ordered.
        type: str
      directory:
        description: The CA that the order is with, as the URL of its directory, where that differs among them.
        type: str
        version_added: 0.3.0
      new_key:
        description: For M(certfleet.tls.certificate_request), no key is taken that was made for another order.
        type: bool
        default: false
        version_added: 0.3.0
"""

    CHALLENGES = r"""
options:
  challenges:
    description:
      - The challenges, as M(certfleet.tls.acme_order) gave them, with the webroot or the port added.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name, for results and messages.
        type: str
      type:
        description: The kind of challenge.
        type: str
        default: http-01
        choices: [http-01, tls-alpn-01]
      identifier:
        description: The name or address that is to be proved. Needed to serve V(tls-alpn-01) only.
        type: str
      token:
        description: The challenge's token, which becomes the name of the file.
        type: str
        required: true
      key_authorization:
        description: What the answer is made from. Needed to serve it only.
        type: str
      webroot:
        description: The folder that the web server serves, for V(http-01).
        type: path
      listen:
        description:
          - Where a listener of the host's own answers, C(PORT), C(ADDRESS:PORT) or C([V6]:PORT). A port alone is that
            port of all addresses.
          - Needed for V(http-01) without a webroot. The default for V(tls-alpn-01) is C(443).
        type: str
        version_added: 0.2.0
"""

    LISTENER = r"""
options:
  listen_timeout:
    description:
      - For how many seconds a listener of the host's own serves a challenge at most. It ends earlier once all its
        challenges have been removed, and it needs nobody to end it.
    type: int
    default: 600
    version_added: 0.2.0
notes:
  - For O(challenges) without a webroot a process is started that listens on the host. It answers nothing but these
    challenges, is called C(acme-listener), and keeps its state in C(challenges/) below O(home). A port below 1024
    needs root.
  - Where systemd-logind kills what a session leaves behind (C(KillUserProcesses=yes)), that process ends with the
    SSH connection.
"""
