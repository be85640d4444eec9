/** The trust block of an arrival (messages/trust.ts): what the checks found, and what was done. */
import type { StagedBody } from '../../messages/bodies.ts'
import type { Trust } from '../../messages/trust.ts'
import type { Platform } from '../../platform/platform.ts'
import { storableText } from '../storable-text.ts'
import type { Arrival, Authentication, SpamVerdict } from './arrival.ts'
import { spamFieldName } from './header-edits.ts'
import { trustSignals } from './trust-signals.ts'

export type Judgement = {
  authentication: Authentication
  /** With what was done. */
  dmarc: Trust['dmarc']
  /** For each recipient; null where the filter is off. */
  verdicts: readonly (SpamVerdict | null)[]
}

export async function trustOf(
  platform: Platform,
  arrival: Arrival,
  body: StagedBody,
  { authentication, dmarc, verdicts }: Judgement,
): Promise<Trust> {
  return {
    remote: { address: arrival.remoteAddress, helo: storableText(arrival.helo), tls: arrival.tls },
    mail_from: storableText(arrival.mailFrom),
    spf: authentication.spf,
    dkim: authentication.dkim,
    dmarc,
    arc: authentication.arc,
    spam: strictest(verdicts),
    ...(await trustSignals(platform, arrival, body)),
  }
}

function strictest(verdicts: readonly (SpamVerdict | null)[]): SpamVerdict | null {
  return verdicts.find((one) => one?.action === 'junk') ?? verdicts.find((one) => one !== null) ?? null
}

const symbolsShownMax = 30

/** The field that tells the score to mail programs, folded, with its CRLF; empty where the filter is off. */
export function spamField(verdicts: readonly (SpamVerdict | null)[]): string {
  const verdict = strictest(verdicts)
  if (verdict === null) return ''
  const symbols = verdict.symbols.slice(0, symbolsShownMax).map(({ name, score }) => {
    return `\r\n\t${name.replace(/[^\w.-]/g, '_').slice(0, 100)}=${score.toFixed(1)}`
  })
  return `${spamFieldName}: ${[`score=${verdict.score.toFixed(1)}`, ...symbols].join(';')}\r\n`
}
