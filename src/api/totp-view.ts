/** How two-factor authentication of a mailbox looks in JSON. */
import { type Static, Type } from 'typebox'
import { appPasswordScopes } from '../mailboxes/tables.ts'
import type { TotpEnabled, TotpStatus } from '../mailboxes/totp.ts'
import { apiLimits } from './limits.ts'
import { closed, Id, Moment, momentOrNull, Nullable, OneOf, OneOfOrNull } from './schemas.ts'

const PreviewFlag = Type.Optional(Type.Boolean({ description: 'Only say what would happen.' }))

export const RecoveryCodesView = Type.Array(Type.String(), {
  description: 'Each stands in once for a code. They are not shown again.',
})

export const TotpStatusView = Type.Object(
  {
    enabled: Type.Boolean(),
    pending: Type.Boolean({ description: 'A secret was made, and no code of it was shown yet.' }),
    enabled_at: Nullable(Moment),
    recovery_codes_left: Type.Integer(),
    code: Nullable(
      Type.String(),
      'The present code, where the workspace’s mailbox settings allow it (`totp_codes_shown`) and the key may write. ' +
        'Such a look is written to the event log.',
    ),
    seconds_left: Nullable(Type.Integer(), 'How long the code is the present one: 1 to 30.'),
  },
  { title: 'Totp' },
)

export const TotpEnrolBody = Type.Object(
  {
    secret: Type.Optional(
      Nullable(
        Type.String({ maxLength: apiLimits.totpSecretLengthMax }),
        'Base32 of 128 bits or more, for who moves here. Default: a new one of 160 bits.',
      ),
    ),
    preview: PreviewFlag,
  },
  closed,
)

export const TotpEnrolmentView = Type.Object(
  {
    secret: Type.String({ description: 'Base32. It is not shown again.' }),
    uri: Type.String({ description: 'The content of the QR code that an authenticator app reads.' }),
  },
  { title: 'TotpEnrolment' },
)

const Code = Type.String({ minLength: 1, maxLength: apiLimits.secondFactorLengthMax })

export const TotpCheckBody = Type.Object({ code: Code }, closed)

export const TotpVerifyBody = Type.Object({ code: Code, preview: PreviewFlag }, closed)

export const TotpEnabledView = Type.Object(
  {
    enabled_at: Moment,
    recovery_codes: RecoveryCodesView,
    app_password: Type.Object(
      {
        id: Id,
        name: Type.String(),
        scopes: Nullable(Type.Array(OneOf(appPasswordScopes))),
        password: Type.String(),
      },
      { description: 'What mail clients log in with from now on.' },
    ),
  },
  { title: 'TotpEnabled' },
)

export const TotpCheckView = Type.Object(
  {
    valid: Type.Boolean(),
    kind: OneOfOrNull(['totp', 'recovery'], 'What it was; null when it is not right.'),
  },
  { title: 'TotpCheck' },
)

export const TotpDisableQuery = Type.Object({ preview: PreviewFlag }, closed)

export function totpStatusView(status: TotpStatus): Static<typeof TotpStatusView> {
  return {
    enabled: status.enabled,
    pending: status.pending,
    enabled_at: momentOrNull(status.enabledAt),
    recovery_codes_left: status.recoveryCodesLeft,
    code: status.code,
    seconds_left: status.secondsLeft,
  }
}

export function totpEnabledView(enabled: TotpEnabled): Static<typeof TotpEnabledView> {
  const { id, name, scopes } = enabled.appPassword
  return {
    enabled_at: enabled.enabledAt.toISOString(),
    recovery_codes: enabled.recoveryCodes,
    app_password: { id, name, scopes: scopes && [...scopes], password: enabled.password },
  }
}
