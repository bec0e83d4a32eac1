-- Who waits renews "waitUntil"; "longestWait" is when the last of them gives up.
ALTER TABLE "Assignment" ADD COLUMN "longestWait" TIMESTAMPTZ(3);
UPDATE "Assignment" SET "longestWait" = "waitUntil" WHERE "status" = 'QUEUED';
-- From here on it says of a fulfilled one that nobody has come for its VM yet.
UPDATE "Assignment" SET "waitUntil" = NULL WHERE "status" <> 'QUEUED';
DROP INDEX "Assignment_waits";
CREATE INDEX "Assignment_waits" ON "Assignment" ("waitUntil") WHERE "status" IN ('QUEUED', 'FULFILLED') AND "waitUntil" IS NOT NULL;
