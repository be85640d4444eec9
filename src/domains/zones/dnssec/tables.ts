/** The table of DNSSEC keys. */

export type DnssecKeysTable = {
  id: string
  domain_id: string
  /** pending: asked for, and a job makes it. active: it signs. */
  state: 'pending' | 'active'
  /** The 64 bytes of DNSKEY (RFC 6605 §4). */
  public_key: Buffer | null
  key_tag: number | null
  /** PKCS #8 in DER, sealed. */
  sealed_private_key: Buffer | null
  key_id: string | null
  created_at: Date
  activated_at: Date | null
}

declare module '../../../platform/database.ts' {
  interface Tables {
    dnssec_keys: DnssecKeysTable
  }
}

declare module '../../../platform/events.ts' {
  interface EventTypes {
    'domain.dnssec_enabled': { domain_id: string; name: string }
    'domain.dnssec_key_created': { domain_id: string; name: string; key_tag: number }
    'domain.dnssec_disabled': { domain_id: string; name: string }
  }
}

declare module '../../../platform/jobs.ts' {
  interface JobTypes {
    'domains.make_dnssec_key': { domain_id: string }
  }
}
