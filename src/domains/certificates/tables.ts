/** The tables of certificates that an ACME authority signs. */

/** Our account at an authority (RFC 8555 §7.1.2). */
export type AcmeAccountsTable = {
  id: string
  directory_url: string
  account_url: string
  /** PEM, sealed. */
  sealed_private_key: Buffer
  key_id: string
  created_at: Date
}

/** A certificate for each host name, so that a name that fails keeps no other from being served. */
export type CertificatesTable = {
  id: string
  /** In A-labels, lower case. */
  host_name: string
  /** Null: the platform's own name. */
  domain_id: string | null
  /** pending: not asked for yet. failed: the last attempt failed, and there is none that still holds. */
  state: 'pending' | 'issued' | 'failed'
  /** PEM, the host's own first; kept while a renewal fails. */
  chain_pem: string | null
  /** PEM, sealed. */
  sealed_private_key: Buffer | null
  key_id: string | null
  not_after: Date | null
  /** Failed attempts since the last success. */
  attempts: number
  last_error: string | null
  /** The next order: at once, a renewal, or another try. */
  next_attempt_at: Date
  created_at: Date
  updated_at: Date
}

/** Answers to HTTP-01 challenges (RFC 8555 §8.3), which whatever node is asked must know. */
export type AcmeChallengesTable = { token: string; key_authorization: string; expires_at: Date }

/** Answers to DNS-01 challenges (RFC 8555 §8.4), for the zones of served domains and the platform's own. */
export type AcmeDnsChallengesTable = {
  /** `_acme-challenge.` and the host name. */
  name: string
  value: string
  /** Null: the platform's own zone. */
  domain_id: string | null
  expires_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    acme_accounts: AcmeAccountsTable
    certificates: CertificatesTable
    acme_challenges: AcmeChallengesTable
    acme_dns_challenges: AcmeDnsChallengesTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'certificate.issued': { certificate_id: string; host_name: string; not_after: string }
    'certificate.failed': {
      certificate_id: string
      host_name: string
      problem: string
      next_attempt_at: string
    }
    /** A DNS-01 challenge of the platform's own zone has come or gone; those of domains change their zones. */
    'certificate.challenge_changed': { host_name: string }
    'certificate.removed': { certificate_id: string; host_name: string }
  }
}
