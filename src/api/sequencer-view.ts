/** How sequencers, and mailboxes at them, look on the wire. */
import { type Static, Type } from 'typebox'
import { sequencerErrorKinds } from '../sequencers/driver.ts'
import { type PlatformName, platformNames, sequencerPlatforms } from '../sequencers/platforms.ts'
import type { Sequencer, SequencerMailbox } from '../sequencers/rows.ts'
import { settingBounds } from '../sequencers/settings.ts'
import { remoteStatuses, sequencerMailboxStates } from '../sequencers/states.ts'
import { apiLimits } from './limits.ts'
import { closed, Id, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

export const Settings = Type.Object(
  {
    base_url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: settingBounds.urlLengthMax,
        description: 'Where its API is, as in https://send.example.com: emailbison needs it.',
      }),
    ),
    workspace_id: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: settingBounds.idLengthMax,
        description: 'Of the account there: plusvibe needs it.',
      }),
    ),
    calls_per_minute: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: settingBounds.callsPerMinuteMax,
        description: 'In place of its platform’s limit, on a smaller or larger plan.',
      }),
    ),
    daily_limit: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: settingBounds.dailyLimitMax,
        description: 'Messages a day that it may send from each mailbox; its own default.',
      }),
    ),
    warmup: Type.Optional(Type.Boolean({ description: 'Whether it warms mailboxes up; its own default.' })),
    auto_reconnect: Type.Optional(
      Type.Boolean({
        description: 'Push again what was taken away there, or cannot be used there any more; no.',
      }),
    ),
    remove_inactive: Type.Optional(
      Type.Boolean({
        description: 'Take away there what is suspended or deleted here; no: it is left there.',
      }),
    ),
  },
  closed,
)
export const Name = Type.String({ minLength: 1, maxLength: apiLimits.nameLengthMax })
export const Key = Type.String({
  minLength: 1,
  maxLength: apiLimits.passwordLengthMax,
  description: 'The API key. It is never shown.',
})

export const SequencerPath = Type.Object({ sequencer: Type.String({ description: 'Its id.' }) })

export const SequencerPlatformView = Type.Object(
  {
    platform: OneOf(platformNames),
    title: Type.String(),
    method: OneOf(['api', 'file'] as const, 'file: it takes mailboxes as a file only.'),
    needs: Type.Array(Type.String(), { description: 'Settings that a connection must have.' }),
    calls_per_minute: Type.Integer({ description: 'At most, unless the connection says otherwise.' }),
  },
  { title: 'SequencerPlatform' },
)

export function sequencerPlatformView(name: PlatformName): Static<typeof SequencerPlatformView> {
  const { title, method, needs, limits } = sequencerPlatforms[name]
  return { platform: name, title, method, needs: [...needs], calls_per_minute: limits.perMinute }
}

export const SequencerView = Type.Object(
  {
    id: Id,
    name: Type.String(),
    platform: OneOf(platformNames),
    method: OneOf(['api', 'file'] as const),
    settings: Settings,
    state: OneOf(
      ['working', 'failing'] as const,
      'failing: the last call failed for a reason that concerns all its mailboxes.',
    ),
    error: Nullable(
      Type.Object({ kind: OneOf(sequencerErrorKinds), detail: Type.String() }),
      'Why it is failing, in the sequencer’s own words.',
    ),
    deleting: Type.Boolean({ description: 'It goes with the last account that is taken away there.' }),
    checked_at: Moment,
    retry_at: Nullable(Moment, 'Until then it is left alone.'),
    observed_at: Nullable(Moment, 'When its whole list of accounts was last read.'),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Sequencer' },
)

export function sequencerView(row: Sequencer): Static<typeof SequencerView> {
  return {
    id: row.id,
    name: row.name,
    platform: row.platform,
    method: sequencerPlatforms[row.platform].method,
    settings: row.settings,
    state: row.state,
    error: row.error_kind === null ? null : { kind: row.error_kind, detail: row.last_error ?? '' },
    deleting: row.delete_when_empty,
    checked_at: row.checked_at.toISOString(),
    retry_at: momentOrNull(row.retry_at),
    observed_at: momentOrNull(row.observed_at),
    created_at: row.created_at.toISOString(),
    updated_at: row.updated_at.toISOString(),
  }
}

/** What went wrong with one mailbox. */
export const MailboxError = Nullable(
  Type.Object({
    kind: Type.String({
      description:
        'bad_key, no_plan, duplicate, validation, connect_failed, gone, rate_limited, upstream, unreachable, unsupported: from the sequencer. not_active, not_local, no_password, second_factor, no_servers: it cannot be pushed. not_confirmed, missing, removed.',
    }),
    detail: Type.String(),
  }),
  'In the sequencer’s own words, where it said something.',
)

export const SequencerMailboxView = Type.Object(
  {
    mailbox_id: Id,
    address: Type.String({ description: 'As it was last pushed.' }),
    state: OneOf(sequencerMailboxStates),
    remote_id: Nullable(Type.String(), 'The sequencer’s own name for it.'),
    remote_status: OneOfOrNull(remoteStatuses, 'How the sequencer says that it stands with it.'),
    error: MailboxError,
    attempts: Type.Integer({ description: 'Failures in a row, or looks for what is not confirmed.' }),
    next_attempt_at: Nullable(Moment),
    pushed_at: Nullable(Moment),
    observed_at: Nullable(Moment),
    created_at: Moment,
  },
  { title: 'SequencerMailbox' },
)

export function sequencerMailboxView(row: SequencerMailbox): Static<typeof SequencerMailboxView> {
  return {
    mailbox_id: row.mailbox_id,
    address: row.address,
    state: row.state,
    remote_id: row.remote_id,
    remote_status: row.remote_status,
    error: errorView(row.error_kind, row.last_error),
    attempts: row.attempts,
    next_attempt_at: momentOrNull(row.next_attempt_at),
    pushed_at: momentOrNull(row.pushed_at),
    observed_at: momentOrNull(row.observed_at),
    created_at: row.created_at.toISOString(),
  }
}

export function errorView(
  kind: string | null,
  detail: string | null,
): { kind: string; detail: string } | null {
  return kind === null ? null : { kind, detail: detail ?? '' }
}
