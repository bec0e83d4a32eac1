-- Pools and golden images were known by their vmType. Each vmType becomes a line of images and a pool that bear its name.

CREATE TABLE "ImageLine" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "vmType" TEXT NOT NULL,
    "createdAt" TIMESTAMPTZ(3) NOT NULL DEFAULT transaction_timestamp(),

    CONSTRAINT "ImageLine_pkey" PRIMARY KEY ("id")
);
CREATE UNIQUE INDEX "ImageLine_name_key" ON "ImageLine"("name");
CREATE UNIQUE INDEX "ImageLine_id_vmType_key" ON "ImageLine"("id", "vmType");

-- Every golden image was made together with a pool. Were there one without, it would get a pool that makes nothing.
INSERT INTO "Pool" ("vmType", "hotSpares", "maxVms")
  SELECT DISTINCT "vmType", 0, 20 FROM (SELECT "vmType" FROM "GoldenImage" UNION SELECT "vmType" FROM "Assignment") AS known
  ON CONFLICT DO NOTHING;
INSERT INTO "ImageLine" ("name", "vmType", "createdAt") SELECT "vmType", "vmType", "createdAt" FROM "Pool";

ALTER TABLE "GoldenImage" ADD COLUMN "lineId" UUID;
UPDATE "GoldenImage" SET "lineId" = (SELECT "id" FROM "ImageLine" WHERE "name" = "GoldenImage"."vmType");
ALTER TABLE "GoldenImage" ALTER COLUMN "lineId" SET NOT NULL;
DROP INDEX "GoldenImage_vmType_version_key";
DROP INDEX "GoldenImage_one_current_per_vmType";
CREATE UNIQUE INDEX "GoldenImage_lineId_version_key" ON "GoldenImage"("lineId", "version");
CREATE UNIQUE INDEX "GoldenImage_one_current_per_line" ON "GoldenImage"("lineId") WHERE "current";
ALTER TABLE "GoldenImage" ADD CONSTRAINT "GoldenImage_lineId_vmType_fkey" FOREIGN KEY ("lineId", "vmType") REFERENCES "ImageLine"("id", "vmType") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "Vm" DROP CONSTRAINT "Vm_vmType_fkey";
ALTER TABLE "Pool" ADD COLUMN "id" UUID NOT NULL DEFAULT gen_random_uuid(), ADD COLUMN "name" TEXT, ADD COLUMN "lineId" UUID;
UPDATE "Pool" SET "name" = "vmType", "lineId" = (SELECT "id" FROM "ImageLine" WHERE "name" = "Pool"."vmType");
ALTER TABLE "Pool" DROP CONSTRAINT "Pool_pkey", ADD CONSTRAINT "Pool_pkey" PRIMARY KEY ("id"),
  ALTER COLUMN "name" SET NOT NULL, ALTER COLUMN "lineId" SET NOT NULL;
CREATE UNIQUE INDEX "Pool_name_key" ON "Pool"("name");
CREATE INDEX "Pool_lineId_idx" ON "Pool"("lineId");
CREATE INDEX "Pool_vmType_idx" ON "Pool"("vmType");
ALTER TABLE "Pool" ADD CONSTRAINT "Pool_lineId_vmType_fkey" FOREIGN KEY ("lineId", "vmType") REFERENCES "ImageLine"("id", "vmType") ON DELETE RESTRICT ON UPDATE CASCADE;

ALTER TABLE "Vm" ADD COLUMN "poolId" UUID;
UPDATE "Vm" SET "poolId" = (SELECT "id" FROM "Pool" WHERE "name" = "Vm"."vmType");
ALTER TABLE "Vm" ALTER COLUMN "poolId" SET NOT NULL;
CREATE INDEX "Vm_poolId_createdAt_id_idx" ON "Vm"("poolId", "createdAt", "id");
DROP INDEX "Vm_ready_spares";
DROP INDEX "Vm_live";
-- The claim walks this index from the longest-ready spare on.
CREATE INDEX "Vm_ready_spares" ON "Vm" ("poolId", "readyAt") WHERE "status" = 'READY' AND "hotSpare";
CREATE INDEX "Vm_live" ON "Vm" ("poolId", "status") WHERE "cleanedAt" IS NULL;

ALTER TABLE "Assignment" ADD COLUMN "poolId" UUID;
UPDATE "Assignment" SET "poolId" = (SELECT "id" FROM "Pool" WHERE "name" = "Assignment"."vmType");
ALTER TABLE "Assignment" ALTER COLUMN "poolId" SET NOT NULL;
CREATE INDEX "Assignment_poolId_createdAt_id_idx" ON "Assignment"("poolId", "createdAt", "id");
DROP INDEX "Assignment_queue";
-- First in, first out.
CREATE INDEX "Assignment_queue" ON "Assignment" ("poolId", "turn") WHERE "status" = 'QUEUED';

ALTER TABLE "Event" ADD COLUMN "poolId" UUID;
UPDATE "Event" SET "poolId" = "Pool"."id" FROM "Pool"
  WHERE "Pool"."name" = "Event"."vmType" AND ("vmId" IS NOT NULL OR "goldenImageId" IS NULL);
CREATE INDEX "Event_poolId_seq_idx" ON "Event"("poolId", "seq");
CREATE INDEX "Event_poolId_kind_seq_idx" ON "Event"("poolId", "kind", "seq");
