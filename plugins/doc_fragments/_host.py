# Copyright: certfleet.tls contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations


class ModuleDocFragment:
    """Options of the modules that run on the hosts of the certificates."""

    DOCUMENTATION = r"""
options:
  home:
    description:
      - The folder for all certificates of the host. The live version of each is in C(live/NAME/).
    type: path
    default: /etc/acme
"""

    LIST = r"""
options:
  list:
    description:
      - The name of the list that O(certificates) is, if a host has several lists. It has the form of a certificate's
        name.
      - A certificate belongs to the list that it was made for, which its manifest names. Only that list reports it as
        unlisted, and only that list removes it. Certificates of releases before 0.4.0 belong to V(default).
      - A certificate of another list with the same name and the same identifiers moves to this list, so that you can
        rename a list. Nothing is issued for that. A certificate with other identifiers is refused, and so is one that
        moved from this list to another, since then it is in two lists.
    type: str
    default: default
    version_added: 0.4.0
  reassign:
    description:
      - Move certificates of other lists to O(list) that are refused otherwise. Set it for one run only.
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
          - The name of the certificate and of its folder under C(live/). It consists of letters, digits, C(.), C(_) and
            C(-).
        type: str
        required: true
      identifiers:
        description:
          - The DNS names and IP addresses in the certificate. Upper case, a dot at the end and non-ASCII names are
            normalized.
          - An element can be a mapping of C(value) with its own C(challenge) or C(webroot).
        type: list
        elements: raw
        required: true
      challenge:
        description:
          - The challenge for identifiers that have none of their own.
          - V(http-01) needs a file in O(certificates[].webroot) or, without a web server, a listener on
            O(certificates[].http_01_listen).
          - V(dns-01) needs a TXT record. Wildcards need this challenge, or V(dns-account-01) or V(dns-persist-01),
            which are variants of it that few CAs offer yet.
          - V(tls-alpn-01) needs a listener on O(certificates[].tls_alpn_01_listen).
          - IP addresses need V(http-01) or V(tls-alpn-01).
        type: str
        default: http-01
        choices: [http-01, dns-01, dns-account-01, dns-persist-01, tls-alpn-01]
      webroot:
        description: The folder that the web server serves as C(http://NAME/) for each of the identifiers.
        type: path
      http_01_listen:
        description:
          - The address on which a host without a web server answers V(http-01) during the validation, as C(PORT),
            C(ADDRESS:PORT) or C([IPV6]:PORT). The CA connects to port 80.
        type: str
        version_added: 0.2.0
      tls_alpn_01_listen:
        description:
          - The address on which the host answers V(tls-alpn-01), in the same form. The CA connects to port 443, which
            no web server can use at the same time.
        type: str
        default: "443"
        version_added: 0.2.0
      key_type:
        description: The type of the private key.
        type: str
        default: ec256
        choices: [ec256, ec384, rsa2048, rsa3072, rsa4096]
      profile:
        description: The certificate profile, one that the CA's directory lists.
        type: str
      not_before:
        description: The instant from which the certificate is to be valid, in the form of M(certfleet.tls.acme_order).
        type: str
        version_added: 0.3.0
      not_after:
        description: The instant until which it is to be valid, in the same form.
        type: str
        version_added: 0.3.0
      reload:
        description:
          - The services to reload when there is a new certificate. An entry is the name of a service, or a mapping.
          - >-
            C({service: NAME}) is the same as the name alone. A service that is not running is started. Without systemd,
            OpenRC's C(rc-service) or C(service) is used.
          - >-
            C({command: [PROGRAM, ARGUMENT]}) runs a program, without a shell.
          - >-
            C({notify: HANDLER}) has the role notify a handler of the play. A playbook that uses the modules without the
            role needs tasks of its own for that.
          - >-
            Before anything is reloaded, configurations are tested. The services C(nginx), C(apache2), C(httpd) and
            C(haproxy) have a test. For any other C(service) or C(command), C(test) is a list of a program and its
            arguments, as in C({service: dovecot, test: [doveconf, -n]}).
          - A reload or a test may take 120 seconds, or the C(timeout) beside C(service) or C(command). Then it is
            killed with all processes that it started.
          - If a test or a reload fails, the earlier version becomes the live one again.
        type: list
        elements: raw
        default: []
      probe:
        description:
          - The endpoints that serve the certificate. After the reload the host connects to each, and compares the
            certificate that it gets with the one on disk. If they still differ after the timeout, the earlier version
            becomes the live one again, the services are reloaded once more, and the host fails with both serial
            numbers.
          - The host sends no client certificate. If a server demands one, the probe works all the same.
          - A handler runs after the probe, so this cannot be used with C(notify) in O(certificates[].reload).
        type: list
        elements: dict
        default: []
        version_added: 0.3.0
        suboptions:
          address:
            description: The name or IP address to connect to, as the host resolves it.
            type: str
            default: localhost
          port:
            description: The port. The default is 443, or the usual port of O(certificates[].probe[].starttls).
            type: int
          server_name:
            description:
              - The server name (SNI). The default is the first of O(certificates[].identifiers) that is a name and not
                a wildcard.
            type: str
          starttls:
            description: The protocol, if TLS starts within a plain-text connection.
            type: str
            choices: [smtp, imap, pop3, ldap, postgres]
          timeout:
            description: The number of seconds that the service has to start using the certificate.
            type: int
            default: 30
      shared:
        description:
          - Share one certificate, with its private key, among the hosts of the play that list a certificate of this
            name. Only the role does that; the module ignores it.
        type: bool
        default: false
        version_added: 0.3.0
      formats:
        description:
          - Files in other formats, for services that cannot read the PEM files. Each is written as a whole or not at
            all, whenever it is missing or changed, or its options have changed; that needs no new certificate. Then
            O(certificates[].reload) is reloaded.
          - Their folders have to exist. The path is refused if an unprivileged user could redirect it to files of
            another user.
          - Have containers mount the folders, not the files, since a renewal replaces the files.
          - A file that is not listed any more stays, with a warning.
        type: list
        elements: dict
        default: []
        version_added: 0.3.0
        suboptions:
          kind:
            description:
              - V(combined) has the private key, the certificate and its chain as PEM, for HAProxy.
              - V(pkcs12) has the same as PKCS#12, for Java and Windows.
              - V(der) has the certificate alone. V(root) has the root certificate of its chain, as PEM.
            type: str
            required: true
            choices: [combined, pkcs12, der, root]
          path:
            description: The absolute path of the file, outside of O(home).
            type: path
            required: true
          owner:
            description: >-
              The owner of the file. The default is the owner of the private key if the file contains that, and
              otherwise the user that runs the module.
            type: str
          group:
            description: The group of the file, with the same default.
            type: str
          mode:
            description:
              - The mode of the file, four octal digits in quotes. The default is that of the private key if the file
                contains it, and otherwise V(0644).
            type: str
          encryption:
            description:
              - V(modern) is AES-256 with SHA-256. V(legacy) is triple DES with SHA-1, for old software.
            type: str
            default: modern
            choices: [modern, legacy]
          passphrase:
            description: >-
              The passphrase of a V(pkcs12), at least 12 characters. It must not be part of the name of a handler to
              notify, since Ansible hides it in all texts.
            type: str
          friendly_name:
            description: The name of key and certificate in a V(pkcs12). The default is O(certificates[].name).
            type: str
          roots:
            description:
              - A PEM file on the host with the trusted roots to search for V(root), as CAs do not deliver it. The
                default is the file of the distribution, which has no internal CA.
            type: path
      owner:
        description: The owner of the private key. The default is the user that runs the module.
        type: str
      group:
        description: The group of the private key.
        type: str
      mode:
        description: The mode of the private key, four octal digits in quotes. It must not let every user read the key.
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
      - Orders at the CA, to be written into the journals of the pending versions. The next run resumes a run that is
        killed after that, and orders no second certificate.
      - The journals of other certificates are not changed.
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
        description: URL of the directory of the CA of the order, if the orders are with several CAs.
        type: str
        version_added: 0.3.0
      new_key:
        description: For M(certfleet.tls.certificate_request), do not use a key that was made for another order.
        type: bool
        default: false
        version_added: 0.3.0
"""

    CHALLENGES = r"""
options:
  challenges:
    description:
      - The challenges, as M(certfleet.tls.acme_order) returned them, with C(webroot) or C(listen) added. The other
        fields that it returns are ignored.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The certificate's name, for results and messages.
        type: str
      type:
        description: The type of the challenge.
        type: str
        default: http-01
        choices: [http-01, tls-alpn-01]
      identifier:
        description: The name or address to be validated. It is required to serve V(tls-alpn-01).
        type: str
      token:
        description: The challenge's token, which is the name of the file.
        type: str
        required: true
      key_authorization:
        description: The key authorization of the challenge. It is required to serve it.
        type: str
      webroot:
        description: The folder that the web server serves, for V(http-01).
        type: path
      listen:
        description:
          - The address that a listener answers on, as C(PORT), C(ADDRESS:PORT) or C([IPV6]:PORT). A port without an
            address is that port on all addresses.
          - It is required for V(http-01) without a webroot. The default for V(tls-alpn-01) is C(443).
        type: str
        version_added: 0.2.0
"""

    LISTENER = r"""
options:
  listen_timeout:
    description:
      - The largest number of seconds that a listener serves a challenge. It ends earlier when all its challenges have
        been removed.
    type: int
    default: 600
    version_added: 0.2.0
notes:
  - For O(challenges) without a webroot, a process is started that listens on the host. It answers these challenges
    only, is called C(acme-listener), and keeps its state in C(challenges/) below O(home). A port below 1024 needs root.
  - If systemd-logind kills the processes of a session when it ends (C(KillUserProcesses=yes)), this process ends with
    the SSH connection.
"""
