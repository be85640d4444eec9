/** The local parts that every active domain receives reports at, unless a mailbox or an alias has the address. */
export const reportLocalParts: ReadonlySet<string> = new Set(['dmarc-reports', 'tls-reports'])
